import Foundation
import Spectrogram

/// Each way to recover a picture's sound, in turns with torchaudio.
struct RecoveryBench {
  /// Threads that wait for work look for it for some milliseconds; after this they sleep.
  private static let pause = 0.15

  let threads: Int
  let runs: Int
  /// For what the peer is to measure.
  let scratch: Scratch
  let peer: RecoveryPeer?

  /// Prints a table.
  func run(_ pictures: [String]) throws {
    if self.peer == nil {
      self.note("no Python with torchaudio and Pillow: times only; name one with --python")
    }
    self.say("| picture | recovery | s: median (best) | share of the time | SC | LSD, dB |")
    self.say("|---|---|---|---|---|---|")
    for picture in pictures { try self.run(picture) }
  }

  private func run(_ path: String) throws {
    let picture = try SpectrogramPicture(
      file: [UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
    let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    try self.peer?.load(path)
    var theirs = RecoveryFigures()
    var ours = [RecoveryFigures](
      repeating: RecoveryFigures(), count: RecoveryVariant.allCases.count)
    var ratios = [Samples](repeating: Samples(), count: ours.count)
    _ = try RecoveryVariant.draft.recover(picture, seed: 0, threads: self.threads)
    for turn in 1...self.runs {
      Thread.sleep(forTimeInterval: Self.pause)
      let their = try self.peer?.run(seed: turn)
      if let their { theirs.add(seconds: their.seconds, their.closeness) }
      for (index, variant) in RecoveryVariant.allCases.enumerated() {
        Thread.sleep(forTimeInterval: Self.pause)
        var sound: (samples: [Float], rate: Int) = ([], 0)
        let time = try Stopwatch {
          sound = try variant.recover(picture, seed: UInt64(turn), threads: self.threads)
        }
        ours[index].add(seconds: time.seconds, try self.closeness(sound))
        if let their { ratios[index].add(time.seconds / their.seconds) }
      }
      self.note("\(name): turn \(turn) of \(self.runs)")
    }
    if self.peer != nil { self.say(theirs.line(name, "torchaudio")) }
    for (index, variant) in RecoveryVariant.allCases.enumerated() {
      self.say(ours[index].line(name, variant.title, ratios: ratios[index]))
    }
  }

  /// How close the peer finds a sound to its picture; nil without one.
  private func closeness(
    _ sound: (samples: [Float], rate: Int)
  ) throws -> RecoveryPeer.Closeness? {
    guard let peer = self.peer else { return nil }
    let file = "\(self.scratch.folder)/sound.f32"
    try sound.samples.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: file)) }
    return try peer.measure(file, rate: sound.rate)
  }

  /// At once, also where the output is a file.
  private func say(_ text: String) {
    FileHandle.standardOutput.write(Data("\(text)\n".utf8))
  }

  /// How it goes, beside the table.
  private func note(_ text: String) {
    FileHandle.standardError.write(Data("\(text)\n".utf8))
  }
}
