import Dispatch
import GRPCCore
import RiffProtocol
import SwiftProtobuf

/// A jam, from its first sample to its last: lines of standard input change it.
struct JamCall {
  /// How it begins.
  var options: Riff_V1_JamOptions
  /// What `-o` says.
  var output: String?
  var sound: SoundFlags
  var talk: TalkFlags
  /// What is said first.
  var note: String?

  /// - Throws: ``Failure``.
  func run(_ riff: Riff, _ connection: ConnectionOptions) async throws {
    guard self.output != nil || !Terminal.standardOutput.isInteractive else {
      throw Failure.usage(
        "a jam has no end: pipe it into a player (| mpv -), or name a file with -o")
    }
    var options = self.options
    let prompts =
      options.prompts.isEmpty ? [options.generate.prompt] : options.prompts.map(\.prompt)
    let destination = try self.sound.destination(
      self.output.map { [$0] } ?? [], stem: FileName.stem(prompt: prompts.joined(separator: " ")))
    guard destination.picture == nil else {
      throw Failure.usage("-o: a jam is sound; use .opus, .ogg, .wav, .flac or .mp3")
    }
    self.sound.change(&options.generate, for: destination)
    // Into a file it goes as fast as it is made.
    if case .place(let place, _) = destination.sound?.target { options.unpaced = place.isFile }
    let output = try JobOutput(destination, talk: self.talk, keepsWhatCame: true)
    if let note, !self.talk.quiet { Terminal.standardError.write("riff: \(note)\n") }
    let (requests, caller) = AsyncStream.makeStream(of: Riff_V1_JamRequest.self)
    caller.yield(.with { $0.start = options })
    Self.readLines(to: caller)
    try await riff.connect(
      connection, usesStandardOutput: destination.usesStandardOutput,
      onInterrupt: { caller.yield(.with { $0.stop = Riff_V1_JamStop() }) }
    ) { daemon in
      try await output.open()
      try await daemon.jam(
        requestProducer: { writer in
          for await request in requests { try await writer.write(request) }
        },
        onResponse: { response in
          defer { caller.finish() }
          try await output.save(response)
        })
    }
  }

  /// Reads lines on a thread of its own, as long as the process lives. The end of input only means that
  /// no more changes come.
  private static func readLines(to caller: AsyncStream<Riff_V1_JamRequest>.Continuation) {
    DispatchQueue(label: "riff.jam.lines").async {
      var id: UInt32 = 0
      while let line = readLine() {
        do {
          guard let part = try JamLine(line, id: id + 1).part else { continue }
          id += 1
          caller.yield(.with { $0.part = part })
        } catch {
          let reason = (error as? Failure)?.message ?? "\(error)"
          Terminal.standardError.write("riff: \(reason)\n")
        }
      }
    }
  }
}
