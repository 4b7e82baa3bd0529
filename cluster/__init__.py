"""The same engine on a Spark cluster: pure functions of the engine, called where the rows are."""
