"""The routes under `/v1`, one file per resource. They turn HTTP into calls of `api.services` and decide nothing."""
