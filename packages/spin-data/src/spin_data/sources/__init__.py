"""Sources of records: in memory, concatenated or by index; and the reading of batches."""
