"""Lists of persons and documents: normaliser, builder and index. Pure, without a process."""
