"""The register: pure rules (`register.rules`) and its only SQL (`register.store`)."""
