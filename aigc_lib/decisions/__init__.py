"""What is chosen with what models say: policies, tests and alarms."""
