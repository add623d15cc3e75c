"""Files that run inside NetBox's own environment, found there by PYTHONPATH. Nothing of ours imports them."""
