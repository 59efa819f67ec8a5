"""Stock sync: alerts with a life, and transfers between accounts."""
