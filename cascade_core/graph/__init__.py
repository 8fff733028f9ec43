"""From lazy results to graphs and structures, and why two structures differ."""
