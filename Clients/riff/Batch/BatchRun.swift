import ArgumentParser
import GRPCCore
import GRPCProtobuf
import RiffProtocol

/// Makes the sounds of a batch, several at once, and writes down what became of each.
actor BatchRun {
  private let items: [BatchItem]
  private let index: BatchIndex
  private let json: JSONLines?
  private let quiet: TalkFlags
  private var progress: BatchProgress
  private var running = 0

  /// - Parameters:
  ///   - items: Those that are to be made.
  ///   - total: How many there are with those of earlier runs.
  init(
    _ items: [BatchItem], total: Int, into index: sending BatchIndex, talk: TalkFlags,
    printsJSON: Bool
  ) throws {
    self.items = items
    self.index = index
    self.json = printsJSON ? .standardOutput : nil
    self.quiet = try TalkFlags.parse(["--quiet", "--no-picture"])
    self.progress = BatchProgress(total: total, before: total - items.count, talk: talk)
  }

  /// - Parameter atOnce: How many jobs the daemon has to choose from.
  /// - Returns: How many were made, and how many could not be.
  /// - Throws: ``Failure`` where the daemon is gone or the folder cannot be written; `CancellationError`.
  func run(
    atOnce: Int, _ daemon: DaemonConnection.Client
  ) async throws -> (done: Int, failed: Int) {
    defer { self.progress.end() }
    var rest = self.items[...]
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<min(atOnce, rest.count) {
        guard let item = rest.popFirst() else { break }
        group.addTask { try await self.make(item, daemon) }
      }
      while try await group.next() != nil {
        guard let item = rest.popFirst() else { continue }
        group.addTask { try await self.make(item, daemon) }
      }
    }
    return (self.progress.done, self.progress.failed)
  }

  private func make(_ item: BatchItem, _ daemon: DaemonConnection.Client) async throws {
    self.running += 1
    self.progress.show(self.running)
    do {
      let made = try await self.result(of: item, daemon)
      self.running -= 1
      var line = BatchIndex.Line(
        number: item.number, key: item.key, place: item.place, status: .done, prompt: item.title)
      line.file = made.names.first.map { FileName.last($0) }
      line.picture = made.names.dropFirst().first.map { FileName.last($0) }
      if item.request.drawsNoise { line.seed = made.done.seed }
      line.seconds = Double(made.done.durationSamples) / 48_000
      try self.write(line)
      self.progress.finish(
        "\(made.names.joined(separator: ", ")): \(ProgressLine.seconds(line.seconds ?? 0)) s"
          + (line.seed.map { ", seed \($0)" } ?? ""), running: self.running)
    } catch let failure as Failure where failure.exitCode != Failure.readerQuit.exitCode {
      self.running -= 1
      var line = BatchIndex.Line(
        number: item.number, key: item.key, place: item.place, status: .failed,
        prompt: item.title)
      line.error = failure.message
      try self.write(line)
      self.progress.fail("\(item.place): \(failure.message)", running: self.running)
    }
  }

  private func write(_ line: BatchIndex.Line) throws {
    try self.index.append(line)
    try self.json?.write(line)
  }

  /// Makes a sound; waits, and tries again, where the daemon says when.
  ///
  /// - Throws: ``Failure`` of this sound alone; what ends the batch otherwise.
  private func result(
    of item: BatchItem, _ daemon: DaemonConnection.Client
  ) async throws -> JobOutput.Made {
    while true {
      let output = try JobOutput(
        Destination(
          free: self.index.folder + "/" + item.stem, item.format, keepsPicture: item.keepsPicture,
          isChosen: item.name != nil),
        talk: self.quiet
      ) { [weak self] warning in await self?.warn("\(item.place): \(warning)") }
      do {
        return try await Self.send(item, daemon, output)
      } catch let error as RPCError {
        switch error.code {
        case .unavailable, .cancelled, .deadlineExceeded: throw error
        case .resourceExhausted:
          guard let delay = Self.delay(error) else { throw Failure(error, file: item.source) }
          try await Task.sleep(for: delay)
        default: throw Failure(error, file: item.source)
        }
      }
    }
  }

  private func warn(_ what: String) { self.progress.warn("warning: \(what)") }

  private static func send(
    _ item: BatchItem, _ daemon: DaemonConnection.Client, _ output: JobOutput
  ) async throws -> JobOutput.Made {
    func call(_ pieces: @escaping SoundUpload.Pieces) async throws {
      do {
        try await item.request.send(to: daemon, pieces) { try await output.save($0) }
      } catch let error as RPCError {
        let failure = Failure(error, file: item.source)
        // What ffmpeg can convert is sent again by who called this.
        if failure.asksForConversion { throw failure }
        throw error
      }
    }
    if let source = item.source {
      try await SoundUpload.send(try InputFile(path: source), call)
    } else {
      try await call { nil }
    }
    guard let made = await output.made else {
      throw Failure(message: "the daemon ended the job without saying it was done")
    }
    return made
  }

  /// When the daemon may have room; nil where waiting does not help.
  private static func delay(_ error: RPCError) -> Duration? {
    let details = (try? error.unpackGoogleRPCStatus())?.details ?? []
    return details.lazy.compactMap { $0.retryInfo?.delay }.first
  }
}
