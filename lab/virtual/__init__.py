"""The virtual edge site: devices that stand in a site file, served at their own loopback addresses over their real protocols."""
