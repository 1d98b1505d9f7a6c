import Diffusion
import Foundation
import Testing

/// Seeded damage of every kind: files are read or refused, and never end the process.
@Suite("Mutated files are read or refused")
struct MutationTests {
  /// SplitMix64. Steele, Lea and Flood, 2014.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// One to four changes: a byte replaced, bits flipped, a run cut, doubled or moved, or a number of
  /// four bytes set to an extreme.
  private func mutated(
    _ original: [UInt8], in range: Range<Int>, _ random: inout Generator
  ) -> [UInt8] {
    var bytes = original
    for _ in 0...Int.random(in: 0..<4, using: &random) {
      let end = min(range.upperBound, bytes.count)
      guard range.lowerBound < end else { return bytes }
      let place = Int.random(in: range.lowerBound..<end, using: &random)
      let run = place..<min(end, place + Int.random(in: 1...12, using: &random))
      switch Int.random(in: 0..<7, using: &random) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2: bytes.removeSubrange(run)
      case 3: bytes.insert(contentsOf: bytes[run], at: place)
      case 4:
        let other = Int.random(in: range.lowerBound..<end, using: &random)
        bytes[place] = bytes[other]
      case 5:
        let extreme: [UInt8] =
          [[0, 0, 0, 0], [255, 255, 255, 255], [255, 255, 255, 127], [0, 0, 0, 128]]
          .randomElement(using: &random) ?? []
        for (offset, byte) in extreme.enumerated() where place + offset < end {
          bytes[place + offset] = byte
        }
      default:
        // Digits and punctuation matter most in text.
        bytes[place] = Array("0129-+.eE{}[]\",:ntf \\u".utf8).randomElement(using: &random) ?? 0
      }
    }
    return bytes
  }

  /// Opens mutants with `open`, which reads whatever the file then has; how many were accepted.
  private func accepted(
    of count: Int, mutating file: String, in range: Range<Int>, seed: UInt64,
    _ open: (_ path: String) throws -> Void
  ) throws -> Int {
    let original = try Fixture.read(Fixture.path(file))
    let path = FileManager.default.temporaryDirectory
      .appending(path: "riff-mutant-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var random = Generator(state: seed)
    var accepted = 0
    for _ in 0..<count {
      try Fixture.write(
        mutated(original, in: range.clamped(to: 0..<original.count), &random), to: path)
      do {
        try open(path)
        accepted += 1
      } catch let error as DiffusionError {
        guard case .checkpoint = error.kind else {
          Issue.record("\(error)")
          continue
        }
      }
    }
    return accepted
  }

  private func readAll(_ file: some TensorFile) {
    for name in file.names { _ = file.floats(name) }
  }

  @Test func torchFiles() throws {
    // The pickle is first, the directory last.
    for (range, seed) in [(0..<2200, 1), (2200..<4000, 2), (0..<4000, 3)] as [(Range<Int>, UInt64)]
    {
      let accepted = try accepted(
        of: 1500, mutating: "torch/types.bin", in: range, seed: seed
      ) { readAll(try TorchFile(path: $0)) }
      #expect(accepted < 1500)
    }
  }

  @Test func safetensors() throws {
    let accepted = try accepted(
      of: 3000, mutating: "linear-patch/vae/diffusion_pytorch_model.safetensors", in: 0..<320,
      seed: 4
    ) { readAll(try SafetensorsFile(path: $0)) }
    #expect(accepted < 3000)
  }

  @Test(arguments: [
    "unet/config.json", "vae/config.json", "text_encoder/config.json", "model_index.json",
  ])
  func configurations(file: String) throws {
    try Fixture.withCopy(of: "linear-patch") { directory in
      let target = "\(directory)/\(file)"
      let accepted = try accepted(
        of: 400, mutating: "linear-patch/\(file)", in: 0..<10_000, seed: 5
      ) { mutant in
        try Fixture.write(try Fixture.read(mutant), to: target)
        _ = try SoloModel(directory: directory, threads: 1)
      }
      #expect(accepted < 400)
    }
  }
}
