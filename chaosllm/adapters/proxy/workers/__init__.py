"""Several proxies on one machine, or on many, that decide and record as one."""
