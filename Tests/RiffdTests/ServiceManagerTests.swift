import Foundation
import FramedTransport
import RiffProtocol
import Testing

extension DaemonTests {
  /// The daemon under systemd's protocols, with `systemd-socket-activate` in the manager's place.
  @Suite(.timeLimit(.minutes(2))) struct ServiceManagerTests {
    /// A socket that listens already, whose first client starts a daemon.
    private struct Activation {
      let folder: TemporaryFolder
      let socket: String
      let program: Program
      /// The activating program's, and then the daemon's.
      let pid: Int32

      init(
        sockets: [String] = ["riffd.sock"], environment: [String: String] = [:],
        arguments: [String] = []
      ) async throws {
        self.folder = try TemporaryFolder()
        self.socket = self.folder.file("riffd.sock")
        let folder = self.folder
        // systemd-socket-activate hands on nothing else: not what a sanitizer is told.
        let passed = ProcessInfo.processInfo.environment
          .filter { $0.key.hasSuffix("SAN_OPTIONS") }
          .merging(environment) { $1 }.merging(["XDG_CONFIG_HOME": folder.path]) { $1 }
        // It closes what it inherits, which Foundation takes for its end: hence a parent that stays.
        let parent = """
          import subprocess, sys
          child = subprocess.Popen(sys.argv[2:])
          print(child.pid, file=open(sys.argv[1], "w"), flush=True)
          sys.exit(child.wait())
          """
        self.program = try Program(
          "/usr/bin/python3",
          ["-c", parent, folder.file("pid"), "systemd-socket-activate"]
            + sockets.flatMap { ["-l", folder.file($0)] }
            + passed.map { "--setenv=\($0.key)=\($0.value)" }
            + [
              try Checkout.program("riffd"), "--threads", "1", "--no-bundled-models",
              "--model", "riff-mini=\(Checkout.bundledModel)",
            ] + arguments)
        let pid = folder.file("pid")
        let places = sockets.map { folder.file($0) }
        while !places.allSatisfy(Self.isListening)
          || (FileManager.default.contents(atPath: pid) ?? Data()).last != UInt8(ascii: "\n")
        {
          try #require(self.program.isRunning, "\(self.program.errors)")
          try await Task.sleep(for: .milliseconds(10))
        }
        let text = try String(contentsOfFile: pid, encoding: .utf8)
        self.pid = try #require(Int32(text.trimmingCharacters(in: .newlines)))
      }

      /// Whether somebody listens there, as the kernel's list has it: a connection would start the daemon, and a
      /// file is there a moment before.
      private static func isListening(_ path: String) -> Bool {
        let list = FileManager.default.contents(atPath: "/proc/net/unix") ?? Data()
        return String(decoding: list, as: UTF8.self).split(separator: "\n").contains {
          $0.hasSuffix(" " + path) && $0.split(separator: " ").dropFirst(3).first == "00010000"
        }
      }

      func signal(_ number: Int32) { kill(self.pid, number) }

      func riff(_ arguments: [String]) async throws -> Program.Result {
        try await Program.run(Checkout.program("riff"), ["--socket", self.socket] + arguments)
      }

      func wait(forLog text: String) async throws {
        while !self.program.errors.contains(text) {
          try #require(self.program.isRunning, "\(self.program.errors)")
          try await Task.sleep(for: .milliseconds(10))
        }
      }
    }

    private static func file(_ path: String) -> UInt64? {
      (try? FileManager.default.attributesOfItem(atPath: path))?[.systemFileNumber] as? UInt64
    }

    @Test func theHandedOverSocketServesAndStays() async throws {
      let activation = try await Activation()
      defer { activation.signal(SIGKILL) }
      let file = Self.file(activation.socket)
      let status = try await activation.riff(["status"])
      #expect(status.status == 0, "\(status.errors)")
      let text = String(decoding: status.output, as: UTF8.self)
      #expect(text.contains("pid \(activation.pid)"), "\(text)")
      let holder = try SocketLock.holder(beside: SocketPath(activation.socket))
      #expect(holder?.processID == activation.pid)
      activation.signal(SIGTERM)
      let end = try await activation.program.result()
      #expect(end.status == 0, "\(end.errors)")
      #expect(try SocketLock.holder(beside: SocketPath(activation.socket)) == nil)
      // Neither bound anew nor removed.
      #expect(file != nil && Self.file(activation.socket) == file)
    }

    @Test func aSocketThatVanishesEndsTheDaemonInGoodOrder() async throws {
      let activation = try await Activation()
      defer { activation.signal(SIGKILL) }
      #expect(try await activation.riff(["status"]).status == 0)
      try FileManager.default.removeItem(atPath: activation.socket)
      let end = try await activation.program.result()
      #expect(end.status == 0, "\(end.errors)")
      #expect(end.errors.contains("is gone"), "\(end.errors)")
      #expect(Self.file(activation.socket) == nil)
    }

    @Test func theHolderOfTheLockIsWaitedFor() async throws {
      let activation = try await Activation()
      defer { activation.signal(SIGKILL) }
      var lock: SocketLock? = try SocketLock(
        beside: SocketPath(activation.socket), program: "riffd 0.0.9")
      #expect(lock != nil)
      let status = Task { try await activation.riff(["status"]) }
      try await activation.wait(forLog: "waiting for the daemon before")
      lock = nil
      let result = try await status.value
      #expect(result.status == 0, "\(result.errors)")
    }

    @Test func stopLeavesTheSocketToTheManager() async throws {
      let activation = try await Activation()
      defer { activation.signal(SIGKILL) }
      #expect(try await activation.riff(["status"]).status == 0)
      let stop = try await activation.riff(["stop"])
      #expect(stop.status == 0)
      #expect(String(decoding: stop.output, as: UTF8.self).contains("service manager"))
      #expect(try await activation.program.result().status == 0)
    }

    @Test func moreThanOneSocketIsRefused() async throws {
      let activation = try await Activation(sockets: ["riffd.sock", "other.sock"])
      defer { activation.signal(SIGKILL) }
      _ = SocketPlace.isLive(try SocketPath(activation.socket))
      let end = try await activation.program.result()
      #expect(end.status != 0)
      #expect(end.errors.contains("must hand over one socket, not 2"), "\(end.errors)")
    }

    @Test func theManagerIsToldOfReadinessLifeAndEnd() async throws {
      let folder = try TemporaryFolder()
      let inbox = try NotificationSocket(folder.file("notify"))
      let activation = try await Activation(
        environment: ["NOTIFY_SOCKET": inbox.path, "WATCHDOG_USEC": "200000"])
      defer { activation.signal(SIGKILL) }
      // A first client starts it.
      #expect(try await activation.riff(["status"]).status == 0)
      let ready = try await inbox.next()
      #expect(ready.hasPrefix("READY=1\n"), "\(ready)")
      #expect(ready.contains("STATUS=Listening on \(activation.socket)"), "\(ready)")
      for _ in 0..<3 {
        let life = try await inbox.next()
        #expect(life.hasPrefix("WATCHDOG=1\nSTATUS=0 jobs"), "\(life)")
      }
      activation.signal(SIGTERM)
      var last = try await inbox.next()
      while last.hasPrefix("WATCHDOG") { last = try await inbox.next() }
      #expect(last == "STOPPING=1\nEXTEND_TIMEOUT_USEC=20000000")
      #expect(try await activation.program.result().status == 0)
    }

    @Test func anotherProcesssWatchdogIsNotOurs() async throws {
      let folder = try TemporaryFolder()
      let inbox = try NotificationSocket("@riffd-test-\(UInt32.random(in: 0 ... .max))")
      let activation = try await Activation(
        environment: [
          "NOTIFY_SOCKET": inbox.path, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1",
        ])
      defer { activation.signal(SIGKILL) }
      #expect(try await activation.riff(["status"]).status == 0)
      // The name is an abstract one this time.
      #expect(try await inbox.next().hasPrefix("READY=1\n"))
      activation.signal(SIGTERM)
      #expect(try await inbox.next().hasPrefix("STOPPING=1\n"))
      _ = folder
    }

    /// The units as they are installed, with the build's program in them.
    @Test func theUnitsAreWhatSystemdExpects() async throws {
      let folder = try TemporaryFolder()
      for unit in ["riffd.service", "riffd.socket"] {
        let text = try String(
          contentsOfFile: Checkout.root + "/Packaging/systemd/" + unit, encoding: .utf8)
        #expect(unit.hasSuffix("socket") || text.contains("ExecStart=/usr/bin/riffd "))
        try text.replacingOccurrences(of: "/usr/bin/riffd", with: Checkout.program("riffd"))
          .write(toFile: folder.file(unit), atomically: true, encoding: .utf8)
      }
      let environment = ["XDG_RUNTIME_DIR": folder.path]
      let verify = try await Program.run(
        "systemd-analyze",
        [
          "--user", "--man=no", "verify", folder.file("riffd.service"), folder.file("riffd.socket"),
        ], environment: environment)
      #expect(verify.status == 0 && verify.errors.isEmpty, "\(verify.errors)")
      // In tenths: "OK" begins below 6, but what is missing is not a user's manager's to give.
      let security = try await Program.run(
        "systemd-analyze",
        [
          "--user", "--no-pager", "security", "--offline=true", "--threshold=62",
          folder.file("riffd.service"),
        ], environment: environment)
      #expect(security.status == 0, "\(String(decoding: security.output, as: UTF8.self))")
    }
  }
}

/// A datagram socket, as a service manager has it for what its services tell it.
private final class NotificationSocket: Sendable {
  let path: String
  private let descriptor: Int32

  /// A path beginning with "@" is an abstract name.
  init(_ path: String) throws {
    self.path = path
    self.descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(path.utf8)
    if path.hasPrefix("@") { bytes[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let length = socklen_t(2 + bytes.count)
    let status = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(self.descriptor, $0, length) }
    }
    try #require(self.descriptor >= 0 && status == 0)
  }

  deinit { close(self.descriptor) }

  /// The next message, waited for.
  func next() async throws -> String {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = recv(self.descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
      if count >= 0 { return String(decoding: bytes.prefix(count), as: UTF8.self) }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}
