"""The process that holds a model on one device and runs one job after another.

Its way in is `__main__`, its wire `channel`, its life `service`; an attempt goes through `load`,
`encode` (and `condition`), `denoise`, `decode` and `video`, in the order of `generate`.
"""
