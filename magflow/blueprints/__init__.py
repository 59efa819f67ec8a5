"""Ways in: one package an area, each an `Area` found through the entry points `magflow.areas`."""
