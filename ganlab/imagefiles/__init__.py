"""Folders and zips of image files, decoded once into one file of pixels.

Nothing here imports torch: the processes that decode start in a tenth of a second.
"""
