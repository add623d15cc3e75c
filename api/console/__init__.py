"""The web console: the same services as the API's routes, shown as pages. Mounted at `/console`; decides nothing of its own."""
