"""StageBench: exact measurement from pixels and samples alone."""
