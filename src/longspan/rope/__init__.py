"""One RoPE spectrum per file: frequencies and temperature as a function of the request's length."""
