"""The virtual NVUE switch: revisions, views and faults of a Cumulus Linux switch, served over its REST interface."""
