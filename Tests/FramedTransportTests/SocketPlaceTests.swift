import FramedTransport
import Glibc
import Testing

/// Where a socket may be, and who may be there.
@Suite struct SocketPlaceTests {
  private func failure(_ body: () throws -> Void) -> FramedTransportError? {
    do {
      try body()
      return nil
    } catch {
      return error as? FramedTransportError
    }
  }

  private func mode(_ path: String) -> mode_t {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
  }

  @Test func aMissingDirectoryIsMade() throws {
    let directory = try TemporaryDirectory()
    let place = try SocketPlace.claim(directory.path + "/d/s")
    #expect(self.mode(directory.path + "/d") == 0o700)
    #expect(self.mode(directory.path + "/d/s.lock") == 0o600)
    place.release()
  }

  @Test func verifyingMakesNothing() throws {
    let directory = try TemporaryDirectory()
    let error = self.failure { _ = try SocketDirectory.verify(directory.path + "/d") }
    #expect(error?.code == .unsafeDirectory)
    #expect(error?.message.contains("does not exist") == true)
    #expect(self.mode(directory.path + "/d") == 0)
    #expect(try SocketDirectory.verify(directory.path).path == directory.path)
  }

  @Test(arguments: [0o755, 0o770, 0o701, 0o500, 0o600] as [mode_t])
  func anotherModeIsRefused(mode: mode_t) throws {
    let directory = try TemporaryDirectory()
    chmod(directory.path, mode)
    defer { chmod(directory.path, 0o700) }
    let error = self.failure { _ = try SocketPlace.claim(directory.path + "/s") }
    #expect(error?.code == .unsafeDirectory)
    #expect(error?.message.contains("0\(String(mode, radix: 8))") == true)
    #expect(error?.message.contains("0700") == true)
    let below = "\(directory.path)/\(mode & 0o022 == 0 ? "riffd," : "riffd-\(geteuid()),")"
    #expect(error?.message.contains(below) == (mode & 0o077 != 0))
    #expect(error?.message.contains("chmod") == false)
  }

  @Test(arguments: ["link", "link/"])
  func aSymbolicLinkIsRefused(name: String) throws {
    let directory = try TemporaryDirectory()
    mkdir(directory.path + "/d", 0o700)
    symlink("d", directory.path + "/link")
    let error = self.failure { _ = try SocketPlace.claim("\(directory.path)/\(name)/s") }
    #expect(error?.code == .unsafeDirectory)
    #expect(error?.message.contains("symbolic link") == true)
  }

  @Test func aFileIsNoDirectory() throws {
    let directory = try TemporaryDirectory()
    close(open(directory.path + "/file", O_CREAT | O_WRONLY, 0o600))
    let error = self.failure { _ = try SocketDirectory.verify(directory.path + "/file") }
    #expect(error?.code == .unsafeDirectory)
  }

  @Test func theDirectoryOfAnotherUserIsRefused() {
    // /proc/1 belongs to root; run as root, /var/cache/man or a like folder would do, but a directory
    // of mode 1777 is refused for either reason.
    let error = self.failure { _ = try SocketPlace.claim("/tmp/s") }
    #expect(error?.code == .unsafeDirectory)
  }

  @Test func tooLongAPath() {
    let error = self.failure { _ = try SocketPath("/" + String(repeating: "x", count: 107)) }
    #expect(error?.code == .invalidPath)
    #expect(error?.message.contains("107") == true)
    #expect(throws: Never.self) { try SocketPath("/" + String(repeating: "x", count: 106)) }
  }

  @Test(arguments: ["", "/a/b/", "/a\u{0}b"])
  func noPath(path: String) {
    #expect(self.failure { _ = try SocketPath(path) }?.code == .invalidPath)
  }

  @Test func directoriesOfPaths() throws {
    #expect(try SocketPath("/run/user/1/s").directory == "/run/user/1")
    #expect(try SocketPath("/s").directory == "/")
    #expect(try SocketPath("s").directory == ".")
  }

  @Test func theSecondOneLearnsWhoHasIt() throws {
    let directory = try TemporaryDirectory()
    let place = try SocketPlace.claim(directory.path + "/s")
    let error = self.failure { _ = try SocketPlace.claim(directory.path + "/s") }
    #expect(error?.code == .alreadyHeld(by: getpid()))
    #expect(error?.message.contains("\(getpid())") == true)
    place.release()
    try SocketPlace.claim(directory.path + "/s").release()
  }

  @Test func aStaleSocketIsRemoved() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    close(try Self.listen(path))
    #expect(self.mode(path) != 0)
    let place = try SocketPlace.claim(path)
    #expect(self.mode(path) == 0)
    place.release()
  }

  @Test func aLiveSocketIsLeftAlone() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let listener = try Self.listen(path)
    defer { close(listener) }
    let error = self.failure { _ = try SocketPlace.claim(path) }
    #expect(error?.code == .occupied)
    #expect(self.mode(path) != 0)
    #expect(throws: Never.self) { try RawPeer(path).close() }
  }

  @Test func aFileIsLeftAlone() throws {
    let directory = try TemporaryDirectory()
    close(open(directory.path + "/file", O_CREAT | O_WRONLY, 0o600))
    defer { unlink(directory.path + "/file.lock") }
    let error = self.failure { _ = try SocketPlace.claim(directory.path + "/file") }
    #expect(error?.code == .occupied)
    #expect(self.mode(directory.path + "/file") != 0)
  }

  @Test func onlyOneOfManyGetsThePlace() async throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    close(try Self.listen(path))
    let places = await withTaskGroup(of: SocketPlace?.self) { group in
      for _ in 0..<16 { group.addTask { try? SocketPlace.claim(path) } }
      return await group.reduce(into: [SocketPlace]()) { if let place = $1 { $0.append(place) } }
    }
    #expect(places.count == 1)
    withExtendedLifetime(directory) {}
  }

  /// A listening socket, made by hand.
  private static func listen(_ path: String) throws -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.bind(descriptor, $0, size)
      }
    }
    guard result == 0, Glibc.listen(descriptor, 8) == 0 else { throw Errno(code: errno) }
    return descriptor
  }
}
