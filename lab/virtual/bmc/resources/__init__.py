"""The resource tree: each module registers the resources of one part of it with `lab.virtual.bmc.routing`."""
