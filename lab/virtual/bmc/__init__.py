"""A BMC that speaks Redfish: one `Bmc` per server of the site, in front of the world's `Machine`."""
