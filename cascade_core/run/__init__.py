"""Running: the engine, its iterations, the scheduler and the counters."""
