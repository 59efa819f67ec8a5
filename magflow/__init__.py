"""MagFlow: a shop's back office in which every unit of stock is explained."""
