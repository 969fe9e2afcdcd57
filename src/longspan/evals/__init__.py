"""How long a model really works: tasks, official metrics, a runner that loses nothing, statistics and reports."""
