"""The commands of `edgewright`, one file per group; each adds itself to the application."""
