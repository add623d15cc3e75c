"""An applied NVUE configuration as a real data plane: interfaces, bridges, VXLANs and namespaces of the kernel, and FRR."""
