"""Several stored tokens in the place of one."""
