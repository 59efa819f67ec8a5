"""A marketplace to try MagFlow against: eMAG's API as a process of its own, with buyers, competitors and bad days.

`world`: accounts, offers, competitors, a clock that can be moved. `buying`: orders, their statuses, returns.
`saving`: what a save is checked for. `server`: the API itself, with its limits and faults, and the control surface,
which stands on another port so that nothing in MagFlow can call it by mistake.
"""
