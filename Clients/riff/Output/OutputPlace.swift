#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What a path leads to, symbolic links followed.
enum OutputPlace {
  /// Nothing is there yet.
  case new(path: String)
  /// A file, to be replaced.
  case file(path: String, stat)
  /// One of the process's own descriptors, as `/dev/stdout` and the shell's `>(…)` are.
  case descriptor(Int32)
  /// A pipe or a device, to be written into.
  case special(path: String, stat)

  /// - Throws: ``Failure`` when the path is a folder, a disk or a socket, or cannot be looked at.
  init(_ path: String) throws {
    var target = path
    // As many links as Linux follows itself.
    for _ in 0..<40 {
      if let descriptor = Self.ownDescriptor(target) {
        guard fcntl(descriptor, F_GETFD) >= 0 else {
          throw Failure(file: path, "write to", errno: errno)
        }
        self = .descriptor(descriptor)
        return
      }
      var status = stat()
      guard lstat(target, &status) == 0 else {
        guard errno == ENOENT else { throw Failure(file: path, "write to", errno: errno) }
        guard target.last != "/" else {
          throw Failure(message: "cannot write to \(path): there is no such folder")
        }
        self = .new(path: target)
        return
      }
      switch status.st_mode & S_IFMT {
      case S_IFLNK: target = try Self.link(target, of: path)
      case S_IFREG:
        self = .file(path: target, status)
        return
      case S_IFDIR:
        throw Failure(message: "cannot write to \(path): it is a folder; name a file in it")
      case S_IFBLK: throw Failure(message: "cannot write to \(path): it is a disk")
      case S_IFSOCK: throw Failure(message: "cannot write to \(path): it is a socket")
      default:
        self = .special(path: target, status)
        return
      }
    }
    throw Failure(file: path, "write to", errno: ELOOP)
  }

  /// Which file it is, if there is one.
  var identity: FileIdentity? {
    switch self {
    case .new: return nil
    case .file(_, let status), .special(_, let status): return FileIdentity(status)
    case .descriptor(let descriptor):
      var status = stat()
      return fstat(descriptor, &status) == 0 ? FileIdentity(status) : nil
    }
  }

  /// Whether bytes go to a file of the user's that has a name.
  var isFile: Bool {
    switch self {
    case .new, .file: true
    case .descriptor, .special: false
    }
  }

  /// Where a link leads; its own folder is where it starts.
  private static func link(_ link: String, of path: String) throws -> String {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = readlink(link, &buffer, buffer.count)
    guard count > 0, count < buffer.count else {
      throw Failure(file: path, "write to", errno: count < 0 ? errno : ENAMETOOLONG)
    }
    let target = String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    guard target.first != "/", let slash = link.lastIndex(of: "/") else { return target }
    return link[...slash] + target
  }

  /// Which of the process's descriptors a path names.
  private static func ownDescriptor(_ path: String) -> Int32? {
    switch path {
    case "/dev/stdout": return STDOUT_FILENO
    case "/dev/stderr": return STDERR_FILENO
    default:
      for folder in ["/dev/fd/", "/proc/self/fd/", "/proc/\(getpid())/fd/"]
      where path.hasPrefix(folder) {
        return Int32(path.dropFirst(folder.count))
      }
      return nil
    }
  }
}
