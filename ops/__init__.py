"""Running the register: local stack, metrics, dashboards and alerts, demo."""
