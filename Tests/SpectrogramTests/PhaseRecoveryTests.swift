import Foundation
import Spectrogram
import Testing

@Suite("Picture to sound")
struct PhaseRecoveryTests {
  /// At 24 kHz the recovery's rate is the analysis', so that both can be compared without a
  /// resampler.
  static let parameters = SpectrogramParameters(sampleRate: 24_000)

  static func picture(seconds: Double, stereo: Bool = false) throws -> SpectrogramPicture {
    var parameters = parameters
    parameters.stereo = stereo
    let count = Int(seconds * 24_000)
    let sound = [1, 1.5].map { SyntheticSound.music(count: count, rate: 24_000, detune: $0) }
    let mel = try SpectrogramAnalyzer(parameters).analyze(stereo ? sound : [sound[0]])
    return try SpectrogramPicture(mel, parameters: parameters)
  }

  /// A picture of one grey level.
  static func flat(
    width: Int, height: Int = 512, level: UInt8, parameters: SpectrogramParameters = parameters
  ) throws -> SpectrogramPicture {
    try SpectrogramPicture(
      image: RasterImage(
        width: width, height: height,
        pixels: [UInt8](repeating: level, count: width * height * 3)),
      parameters: parameters, maximum: 30e6)
  }

  @Test("sound to PNG to sound: the mel amplitudes come back")
  func roundTrip() throws {
    let picture = try SpectrogramPicture(file: Self.picture(seconds: 2.5).png())
    let stream = try PhaseRecoveryStream(picture)
    #expect(stream.sampleRate == 24_000)
    let sound = try stream.all().sound
    let mel = try SpectrogramAnalyzer(Self.parameters).analyze(sound)
    let reference = try picture.mel()
    #expect(SyntheticSound.convergence(reference, mel) < 0.08)
    // And the level with them, not only the shape.
    #expect(abs(mel.maximum / reference.maximum - 1) < 0.1)
  }

  @Test("a stream has no seams: it is as good as a recovery of the whole picture at once")
  func seams() throws {
    let picture = try Self.picture(seconds: 5)
    let reference = try picture.mel()
    let analyzer = try SpectrogramAnalyzer(Self.parameters)
    func convergence(block: Int) throws -> (Double, pieces: Int) {
      let stream = try PhaseRecoveryStream(
        picture, parameters: picture.parameters, effort: RecoveryEffort(.normal), seed: 1,
        minimumBlock: block, opensEarly: block == 128)
      let (sound, pieces) = try stream.all()
      return (SyntheticSound.convergence(reference, try analyzer.analyze(sound)), pieces)
    }
    let whole = try convergence(block: .max)
    let streamed = try convergence(block: 128)
    #expect(whole.pieces == 1)
    #expect(streamed.pieces == 5)
    #expect(streamed.0 <= 1.05 * whole.0)
  }

  @Test(
    "the sound lasts columns × step, whatever the columns",
    arguments: [1, 2, 3, 9, 10, 11, 127, 128, 129, 159, 160, 161, 287, 288, 289, 400])
  func lengths(columns: Int) throws {
    let picture = try Self.flat(width: columns, height: 24, level: 100)
    let stream = try PhaseRecoveryStream(picture, effort: RecoveryEffort(rounds: 1))
    #expect(stream.sampleCount == columns * 240)
    let sound = try stream.all().sound
    #expect(sound.count == 1)
    #expect(sound[0].count == columns * 240)
    #expect(sound[0].allSatisfy { $0.isFinite })
    #expect(sound[0].contains { $0 != 0 })
    #expect(stream.framesDone == columns)
    #expect(try stream.next() == nil)
  }

  @Test("white is silence, exactly")
  func white() throws {
    let stream = try PhaseRecoveryStream(
      Self.flat(width: 300, level: 255), effort: RecoveryEffort(rounds: 4))
    let sound = try stream.all().sound
    #expect(sound[0].count == 72_000)
    #expect(sound[0].allSatisfy { $0 == 0 })
  }

  @Test("black is finite, for any maximum", arguments: [0, 1e-9, 1, 30e6, 1e12])
  func black(maximum: Double) throws {
    let flat = try Self.flat(width: 40, level: 0)
    let picture = try SpectrogramPicture(
      image: flat.image, parameters: flat.parameters, maximum: maximum)
    let sound = try PhaseRecoveryStream(picture, effort: RecoveryEffort(rounds: 3)).all().sound
    #expect(sound[0].allSatisfy { $0.isFinite })
    #expect(sound[0].contains { $0 != 0 } == (maximum > 0))
  }

  @Test("the same seed gives the same samples with any threads, another seed others")
  func deterministic() throws {
    let picture = try Self.picture(seconds: 2)
    func sound(seed: UInt64, threads: Int) throws -> [[Float]] {
      try PhaseRecoveryStream(
        picture, effort: RecoveryEffort(rounds: 3), seed: seed, threads: threads
      ).all().sound
    }
    let first = try sound(seed: 5, threads: 1)
    #expect(try sound(seed: 5, threads: 1) == first)
    #expect(try sound(seed: 5, threads: 2) == first)
    #expect(try sound(seed: 5, threads: 3) == first)
    // As many as riffd takes for a large machine.
    #expect(try sound(seed: 5, threads: 256) == first)
    #expect(try sound(seed: 6, threads: 1) != first)
  }

  @Test("more rounds, better sound")
  func rounds() throws {
    let picture = try Self.picture(seconds: 1)
    let reference = try picture.mel()
    let analyzer = try SpectrogramAnalyzer(Self.parameters)
    let figures = try [1, 8, 64].map { rounds in
      let sound = try PhaseRecoveryStream(picture, effort: RecoveryEffort(rounds: rounds)).all()
        .sound
      return SyntheticSound.convergence(reference, try analyzer.analyze(sound))
    }
    #expect(figures[0] > figures[1])
    #expect(figures[1] > figures[2])
  }

  @Test("stereo: each channel is its own")
  func stereo() throws {
    let picture = try Self.picture(seconds: 1.5, stereo: true)
    let sound = try PhaseRecoveryStream(picture).all().sound
    try #require(sound.count == 2)
    let mel = try SpectrogramAnalyzer(picture.parameters).analyze(sound)
    #expect(SyntheticSound.convergence(try picture.mel(), mel) < 0.1)
    let mono = try SpectrogramAnalyzer(Self.parameters)
    let left = try mono.analyze([sound[0]])
    let right = try mono.analyze([sound[1]])
    #expect(SyntheticSound.convergence(left, right) > 0.3)
  }

  @Test("stereo keeps what the channels share in phase, which two recoveries do not")
  func relation() throws {
    let count = 48_000
    let centre = SyntheticSound.music(count: count, rate: 24_000)
    let side = SyntheticSound.music(count: count, rate: 24_000, detune: 1.5)
    let original = [0.3, -0.3].map { (pan: Float) in
      (0..<count).map { centre[$0] * (1 + pan) + side[$0] * (0.3 - pan) }
    }
    var parameters = Self.parameters
    parameters.stereo = true
    let mono = try SpectrogramAnalyzer(Self.parameters)
    let together = try PhaseRecoveryStream(
      SpectrogramPicture(
        SpectrogramAnalyzer(parameters).analyze(original), parameters: parameters)
    ).all().sound
    let apart = try (0..<2).map { channel in
      try PhaseRecoveryStream(
        SpectrogramPicture(mono.analyze([original[channel]]), parameters: Self.parameters),
        seed: UInt64(channel)
      ).all().sound[0]
    }
    // The sum and the difference of the channels hang on the phase between them.
    func error(_ sound: [[Float]], sign: Float) throws -> Double {
      func combined(_ channels: [[Float]]) throws -> MelSpectrogram {
        try mono.analyze([zip(channels[0], channels[1]).map { $0 + sign * $1 }])
      }
      return SyntheticSound.convergence(try combined(original), try combined(sound))
    }
    #expect(try error(together, sign: 1) < 0.5 * error(apart, sign: 1))
    #expect(try error(together, sign: -1) < 0.8 * error(apart, sign: -1))
  }

  @Test("each quality is closer to the picture than the one before, and has its name")
  func qualities() throws {
    #expect(RecoveryQuality.allCases.map(\.rawValue) == ["draft", "normal", "best"])
    let picture = try Self.picture(seconds: 2)
    let reference = try picture.mel()
    let analyzer = try SpectrogramAnalyzer(Self.parameters)
    let figures = try RecoveryQuality.allCases.map { quality in
      let sound = try PhaseRecoveryStream(picture, quality: quality, threads: 2).all().sound
      return SyntheticSound.convergence(reference, try analyzer.analyze(sound))
    }
    #expect(figures[0] > figures[1])
    #expect(figures[1] > figures[2])
  }

  @Test("pictures of one column or one row play", arguments: [(1, 512), (1, 1), (300, 1)])
  func degenerate(width: Int, height: Int) throws {
    for quality in RecoveryQuality.allCases {
      let picture = try Self.flat(width: width, height: height, level: 90)
      let sound = try PhaseRecoveryStream(picture, quality: quality).all().sound
      #expect(sound[0].count == width * 240)
      #expect(sound[0].allSatisfy { $0.isFinite })
    }
  }

  @Test("the first sound comes before the rest is computed")
  func early() throws {
    let picture = try Self.flat(width: 1_500, height: 64, level: 80)
    let stream = try PhaseRecoveryStream(picture, effort: RecoveryEffort(rounds: 2))
    var checks = 0
    let first = try #require(try stream.next { checks += 1 })
    #expect(checks == 3)
    #expect(first[0].count == 48 * 240 - 1_200)
    #expect(stream.framesDone == 48)
    // The second one ends where the first would have ended.
    var ends: [Int] = []
    while ends.count < 3, try stream.next() != nil { ends.append(stream.framesDone) }
    #expect(ends == [128, 256, 384])
  }

  @Test("a check that throws stops within a round")
  func cancels() throws {
    struct Stop: Error {}
    let stream = try PhaseRecoveryStream(Self.flat(width: 600, level: 80))
    var checks = 0
    #expect(throws: Stop.self) {
      try stream.next {
        checks += 1
        if checks == 2 { throw Stop() }
      }
    }
    #expect(checks == 2)
  }

  @Test("source and parameters that disagree, rounds and threads out of range")
  func refusals() throws {
    let picture = try Self.flat(width: 3, level: 0)
    var stereo = picture.parameters
    stereo.stereo = true
    var fewer = picture.parameters
    fewer.melBins = 100
    for parameters in [stereo, fewer] {
      #expect(throws: SpectrogramError.self) {
        try PhaseRecoveryStream(picture, parameters: parameters)
      }
    }
    for (rounds, threads) in [(0, 1), (1_001, 1), (1, 0), (1, -1)] {
      #expect(throws: SpectrogramError.self) {
        try PhaseRecoveryStream(picture, effort: RecoveryEffort(rounds: rounds), threads: threads)
      }
    }
  }

  @Test("the recovery's rate follows the highest frequency")
  func rates() throws {
    for (highest, rate) in [(3_000, 8_000), (10_000, 24_000), (10_001, 32_000), (22_050, 48_000)] {
      var parameters = SpectrogramParameters()
      parameters.maxFrequency = highest
      let picture = try Self.flat(width: 20, level: 128, parameters: parameters)
      let stream = try PhaseRecoveryStream(picture, effort: RecoveryEffort(rounds: 1))
      #expect(stream.sampleRate == rate)
      #expect(stream.sampleCount == rate / 5)
    }
  }
}
