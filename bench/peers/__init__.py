"""What users would pick instead: the register's core, each with another framework (`README.md`)."""
