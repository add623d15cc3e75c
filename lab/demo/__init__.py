"""`edgewright demo`: the whole story on one machine, from nothing to a rack of available servers."""
