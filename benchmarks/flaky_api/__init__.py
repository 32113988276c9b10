"""An API that fails, by this project and by a script of one's own: requests, time, items done."""
