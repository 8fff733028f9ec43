"""From a graph to an order of its nodes, and the cache of plans."""
