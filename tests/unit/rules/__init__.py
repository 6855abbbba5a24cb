"""The rules, part by part."""
