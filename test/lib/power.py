"""Rebuilds a data folder as a power cut could leave it, from the log that test/crash/power_log.c wrote.

What was synced before the cut is there. What was written and not synced is there in full, torn at a sector, or not at all; a name
whose directory was not synced may be missing. A cut is a position in the log.
"""
import os

SECTOR = 512


class File:
    def __init__(self):
        self.durable = bytearray()
        self.pending = []  # (offset, data) of a write, (size, None) of a truncation


class Disk:
    """The state after some of the log; advance(position) goes on to a later cut."""
    def __init__(self, log, root):
        self.log, self.root, self.position = log, root, 0
        self.files, self.syncs = {}, {}
        self.names, self.waiting = {}, []  # durable path -> File; name changes not synced yet
        self.folders = {}  # inode -> path

    def advance(self, until):
        while self.position < until:
            end = self.log.index(b"\n", self.position) + 1
            words = self.log[self.position:end - 1].split(b" ")
            if end > until:
                break
            kind = words[0]
            if kind == b"W":
                stop = end + int(words[3])
                if stop > until:
                    break
                self.file(words[1]).pending.append((int(words[2]), self.log[end:stop]))
                end = stop
            elif kind == b"R":
                stop = self.log.index(b"\n", end) + 1
                self.waiting.append(("rename", self.path(words[1:]), self.log[end:stop - 1].decode()))
                end = stop
            else:
                self.one(kind, words)
            self.position = end

    def path(self, words):
        return b" ".join(words).decode()

    def file(self, inode):
        return self.files.setdefault(inode, File())

    def one(self, kind, words):
        if kind == b"T":
            self.file(words[1]).pending.append((int(words[2]), None))
        elif kind == b"C":
            self.files[words[1]] = File()  # a number used before means another file now
            self.waiting.append(("create", self.path(words[2:]), self.files[words[1]]))
        elif kind == b"U":
            self.waiting.append(("remove", self.path(words[1:]), None))
        elif kind == b"M":
            self.folders[words[1]] = self.path(words[2:])
        elif kind == b"S":  # a sync covers what came before it began
            folder = self.folders.get(words[2])
            covered = [c for c in self.waiting
                       if os.path.dirname(c[1]) == folder] if folder else list(self.file(words[2]).pending)
            self.syncs[words[1]] = (self.waiting if folder else self.file(words[2]).pending, covered,
                                    None if folder else self.file(words[2]).durable)
        elif kind == b"E":
            self.synced(*self.syncs.pop(words[1]))

    def synced(self, pending, covered, durable):
        for change in covered:
            if not any(change is p for p in pending):
                continue  # another sync of the same file was quicker
            if durable is None:
                rename(self.names, change)
            else:
                put(durable, change)
        done = set(map(id, covered))
        pending[:] = [p for p in pending if id(p) not in done]

    def rebuild(self, folder, rng, mode):
        """Writes the folder. mode: `lost` nothing that was not synced, `kept` all of it, `torn` by chance, in parts."""
        names = dict(self.names)
        for change in self.waiting[:{"lost": 0, "kept": len(self.waiting)}.
                                   get(mode, rng.randrange(len(self.waiting) + 1))]:
            rename(names, change)
        for sub in [self.root, *self.folders.values()]:
            os.makedirs(self.into(folder, sub), exist_ok=True)
        for path, file in names.items():
            if path.endswith("-shm"):
                continue
            data = bytearray(file.durable)
            for change in file.pending:
                if mode == "kept" or (mode == "torn" and rng.random() < 0.6):
                    put(data, torn(change, rng) if mode == "torn" else change)
            with open(self.into(folder, path), "wb") as f:
                f.write(data)

    def into(self, folder, path):
        return os.path.join(folder, os.path.relpath(path, self.root))


def rename(names, change):
    kind, path, more = change
    if kind == "create":
        names[path] = more
    elif kind == "remove":
        names.pop(path, None)
    elif path in names:
        names[more] = names.pop(path)


def put(data, change):
    at, piece = change
    if piece is None:
        del data[at:]
        data.extend(b"\0" * (at - len(data)))
        return
    if len(data) < at:
        data.extend(b"\0" * (at - len(data)))
    data[at:at + len(piece)] = piece


def torn(change, rng):
    """A write that reached the disk up to some sector only, half of the times."""
    at, piece = change
    if piece is None or rng.random() < 0.5:
        return change
    whole = rng.randrange(0, len(piece) + 1)
    return at, piece[:max(0, (at + whole) // SECTOR * SECTOR - at)]
