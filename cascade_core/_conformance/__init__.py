"""What ``cascade_core.testing`` is made of; import from there."""
