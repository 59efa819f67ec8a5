"""What MagFlow does by itself: off until it is switched on, account by account, never more than was allowed."""
