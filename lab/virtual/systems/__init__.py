"""Doubles of a site's other systems at their own addresses: what the site file says that they serve, over the real protocol."""
