"""Plan, random streams, precision, shards and the worker of a run."""
