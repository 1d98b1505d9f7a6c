import Foundation
import Synchronization

/// A process that a test started.
final class Program: Sendable {
  struct Result: Sendable {
    var status: Int32
    var output: [UInt8]
    var errors: String
  }

  private let process: Mutex<Process>
  private let outputPath: String
  private let errorPath: String
  private let folder: TemporaryFolder
  let pid: Int32

  /// Starts a program; its output and errors go to files, so that it never waits for a reader.
  init(
    _ path: String, _ arguments: [String], input: String? = nil,
    environment: [String: String] = [:]
  ) throws {
    self.folder = try TemporaryFolder()
    self.outputPath = self.folder.file("out")
    self.errorPath = self.folder.file("err")
    for file in [self.outputPath, self.errorPath] {
      try Data().write(to: URL(filePath: file))
    }
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    // Whoever runs the tests may have a config.yaml of their own.
    process.environment = ProcessInfo.processInfo.environment
      .merging(["XDG_CONFIG_HOME": self.folder.path]) { $1 }.merging(environment) { $1 }
    process.standardInput = input.flatMap { FileHandle(forReadingAtPath: $0) } ?? .nullDevice
    let files = [self.outputPath, self.errorPath].map { FileHandle(forWritingAtPath: $0) }
    process.standardOutput = files[0]
    process.standardError = files[1]
    try process.run()
    // Foundation keeps them open, and reads beyond its buffer when a process has more than a thousand descriptors.
    for file in files { try? file?.close() }
    self.pid = process.processIdentifier
    self.process = Mutex(process)
  }

  var isRunning: Bool { self.process.withLock { $0.isRunning } }

  /// What it wrote to standard error so far.
  var errors: String { (try? String(contentsOfFile: self.errorPath, encoding: .utf8)) ?? "" }

  func signal(_ number: Int32) { kill(self.pid, number) }

  /// Waits until it has ended.
  func result() async throws -> Result {
    while self.isRunning { try await Task.sleep(for: .milliseconds(10)) }
    return Result(
      status: self.process.withLock {
        $0.terminationReason == .exit ? $0.terminationStatus : 128 + $0.terminationStatus
      },
      output: Array(FileManager.default.contents(atPath: self.outputPath) ?? Data()),
      errors: self.errors)
  }

  /// Runs a program to its end. Programs without a slash in their name are looked up in the path.
  static func run(
    _ path: String, _ arguments: [String], input: String? = nil,
    environment: [String: String] = [:]
  ) async throws -> Result {
    if path.contains("/") {
      return try await Program(path, arguments, input: input, environment: environment).result()
    }
    return try await Program(
      "/usr/bin/env", [path] + arguments, input: input, environment: environment
    ).result()
  }
}
