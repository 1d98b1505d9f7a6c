#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A file that is there whole or not at all, whatever ends the process: until it is complete it has
/// no name. Used by one task.
///
/// Where the file system has no files without a name, it is a hidden neighbour of the file instead,
/// which `kill -9` leaves behind.
final class OutputFile {
  /// What the file is called in the end.
  enum Name {
    /// What the user said; a file of that name is replaced.
    case given(OutputPlace, said: String)
    /// The first of these that is free.
    case free(FreeName)
  }

  /// Changed once the seed is known, which is part of names that the user did not choose.
  var name: Name
  private let folder: String
  private let descriptor: Int32
  /// The hidden neighbour; `nil`: the file has no name.
  private var temporaryPath: String?
  private var isOpen = true

  /// - Throws: ``Failure`` when the folder cannot be written to, or the file must not be replaced.
  init(_ name: Name) throws {
    self.name = name
    self.folder = Self.folder(of: name.path)
    try Self.check(name, folder: self.folder)
    (self.descriptor, self.temporaryPath) = try Self.open(in: self.folder, for: name.said)
    do {
      if case .given(.file(_, let status), _) = name { try self.keepOwnerAndMode(status) }
    } catch {
      self.discard()
      throw error
    }
  }

  deinit { self.discard() }

  /// Appends bytes.
  func write(_ bytes: [UInt8]) throws {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes {
        Descriptor.write(self.descriptor, UnsafeRawBufferPointer(rebasing: $0[written...]))
      }
      if count < 0 {
        if errno == EINTR { continue }
        let failure = Failure(file: self.name.said, "write", errno: errno)
        // What is kept of a file on a full disk ends with whole pages.
        let end = lseek(self.descriptor, 0, SEEK_CUR)
        if end >= written { _ = ftruncate(self.descriptor, end - off_t(written)) }
        throw failure
      }
      written += count
    }
  }

  /// Puts other bytes in the place of the first ones.
  func overwriteStart(_ bytes: [UInt8]) throws {
    let written = bytes.withUnsafeBytes { pwrite(self.descriptor, $0.baseAddress, $0.count, 0) }
    guard written == bytes.count else { throw Failure(file: self.name.said, "write", errno: errno) }
  }

  /// Gives the complete file its name, and returns it.
  func commit() throws -> String {
    guard fsync(self.descriptor) == 0 || errno == EINVAL else {
      throw Failure(file: self.name.said, "write", errno: errno)
    }
    switch self.name {
    case .given(.file(let path, _), _), .given(.special(let path, _), _): try self.replace(path)
    case .given(.new(let path), _):
      // A file that came to be meanwhile has the name that the user said to write to.
      if try !self.take(path) { try self.replace(path) }
    case .given(.descriptor, _): break
    case .free(let names):
      for index in 0..<FreeName.limit where try self.take(names.path(index)) {
        self.close()
        return names.path(index)
      }
      throw Failure(message: "cannot write \(self.name.said): all its names are taken")
    }
    self.close()
    return self.name.said
  }

  /// Takes a name that no file has.
  private func take(_ path: String) throws -> Bool {
    let status = self.temporaryPath.map { link($0, path) } ?? Self.name(self.descriptor, path)
    if status == 0 {
      if let temporaryPath { unlink(temporaryPath) }
      return true
    }
    if errno == EEXIST { return false }
    // File systems without links, such as FAT: the name is taken by an empty file of ours.
    if let temporaryPath, [EPERM, EOPNOTSUPP, EMLINK].contains(errno) {
      let place = Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC)
      if place < 0, errno == EEXIST { return false }
      if place >= 0 {
        _ = Descriptor.close(place)
        if rename(temporaryPath, path) == 0 { return true }
      }
    }
    throw Failure(file: path, "write", errno: errno)
  }

  private func replace(_ path: String) throws {
    if self.temporaryPath == nil {
      let neighbour = Self.neighbour(in: self.folder)
      guard Self.name(self.descriptor, neighbour) == 0 else {
        throw Failure(file: self.name.said, "write", errno: errno)
      }
      self.temporaryPath = neighbour
    }
    // Set just above, or before.
    guard let temporaryPath, rename(temporaryPath, path) == 0 else {
      throw Failure(file: self.name.said, "write", errno: errno)
    }
  }

  private func close() {
    self.isOpen = false
    self.temporaryPath = nil
    _ = Descriptor.close(self.descriptor)
  }

  private func discard() {
    guard self.isOpen else { return }
    if let temporaryPath { unlink(temporaryPath) }
    self.close()
  }

  // MARK: The file that is replaced

  /// What is read-only is not replaced, whoever asks: root may, but does not mean to.
  private static func check(_ name: Name, folder: String) throws {
    var status = stat()
    if stat(folder, &status) == 0, status.st_mode & 0o222 == 0 {
      throw Failure(message: "cannot write \(name.said): its folder is read-only")
    }
    guard case .given(.file(let path, let file), let said) = name else { return }
    let isWritable =
      file.st_uid == geteuid()
      ? file.st_mode & S_IWUSR != 0
      : file.st_mode & 0o222 != 0 && (geteuid() == 0 || access(path, W_OK) == 0)
    guard isWritable else { throw Failure(message: "cannot replace \(said): it is read-only") }
  }

  private func keepOwnerAndMode(_ status: stat) throws {
    var own = stat()
    guard fstat(self.descriptor, &own) == 0 else {
      throw Failure(file: self.name.said, "write", errno: errno)
    }
    // The owner first: changing it takes some bits of the mode away.
    if own.st_uid != status.st_uid || own.st_gid != status.st_gid,
      fchown(self.descriptor, status.st_uid, status.st_gid) != 0
    {
      throw Failure(
        message: """
          cannot replace \(self.name.said): it belongs to user \(status.st_uid) and group \
          \(status.st_gid), which a new file of yours cannot
          """)
    }
    guard fchmod(self.descriptor, status.st_mode & 0o7777) == 0 else {
      throw Failure(file: self.name.said, "write", errno: errno)
    }
  }

  // MARK: Files without a name

  private static func open(
    in folder: String, for said: String
  ) throws -> (descriptor: Int32, path: String?) {
    #if os(Linux)
      // O_TMPFILE of <fcntl.h>, which glibc shows to _GNU_SOURCE only.
      let unnamed = 0o20_000_000 | O_DIRECTORY
      let descriptor = Descriptor.open(folder, O_WRONLY | O_CLOEXEC | unnamed)
      if descriptor >= 0 {
        // What gives it a name later.
        if access("/proc/self/fd/\(descriptor)", F_OK) == 0 { return (descriptor, nil) }
        _ = Descriptor.close(descriptor)
      } else if ![EOPNOTSUPP, EISDIR, EINVAL].contains(errno) {
        throw Failure(file: said, "write", errno: errno)
      }
    #endif
    while true {
      let path = Self.neighbour(in: folder)
      let descriptor = Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC)
      if descriptor >= 0 { return (descriptor, path) }
      guard errno == EEXIST else { throw Failure(file: said, "write", errno: errno) }
    }
  }

  /// linkat(2) for a descriptor, as its manual page has it.
  private static func name(_ descriptor: Int32, _ path: String) -> Int32 {
    linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", AT_FDCWD, path, AT_SYMLINK_FOLLOW)
  }

  private static func neighbour(in folder: String) -> String {
    "\(folder)/.riff-\(String(UInt64.random(in: .min ... .max), radix: 36))"
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

extension OutputFile.Name {
  /// A path in the file's folder.
  fileprivate var path: String {
    switch self {
    case .given(.new(let path), _), .given(.file(let path, _), _), .given(.special(let path, _), _):
      path
    case .given(.descriptor, let said): said
    case .free(let names): names.path(0)
    }
  }

  /// As messages call the file.
  fileprivate var said: String {
    switch self {
    case .given(_, let said): said
    case .free(let names): names.path(0)
    }
  }
}
