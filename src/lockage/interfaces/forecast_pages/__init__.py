"""A forecast as Markdown, SARIF and HTML: one module an output, each from the record alone, without a look at anything else."""
