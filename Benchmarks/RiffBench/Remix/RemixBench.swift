import AudioIO
import Cores
import Diffusion
import Foundation
import Riff
import Spectrogram

/// What a remix keeps of a clip and how much of what was asked for is heard, for each strength and
/// way to make the sound.
struct RemixBench {
  static let rate = 24_000

  let model: SoloModel
  let card: ModelCard
  let prompts: [String]
  let strengths: [Double]
  let seeds: [UInt64]
  let boosts: [Double]
  let drawings: Int
  let threads: Int
  let perPrompt: Bool
  /// Where the sounds go as WAV files, if anywhere.
  let folder: String?

  /// The mean of some figures.
  private struct Means {
    private var sums: [Double] = []
    private var count = 0.0
    mutating func add(_ figures: [Double]) {
      sums = sums.isEmpty ? figures : zip(sums, figures).map { $0 + $1 }
      count += 1
    }
    var line: String {
      sums.map { String(format: "%.2f", $0 / count) }.joined(separator: " | ")
    }
  }

  /// What the ear knows: how far fresh drawings of each prompt are from their middle, on average.
  private struct Ear {
    var ear: PromptEar
    var drawn: [Double]
  }

  func run(_ clips: [String]) throws {
    let likeness = try SoundLikeness(rate: Self.rate)
    let ear = try trainedEar()
    print(
      "| clip | strength | way | onsets | chroma | prompt heard | way to it | before onsets, dB "
        + "| level, dB | in mono, dB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for path in clips { try run(path, likeness, ear) }
  }

  /// Learnt on half of the fresh drawings; how well it hears the others is printed.
  private func trainedEar() throws -> Ear {
    var ear = try PromptEar(rate: Self.rate)
    var features: [[[Double]]] = []
    for prompt in prompts {
      features.append(
        try (0..<2 * drawings).map { seed -> [Double] in
          let image = try paint(prompt, seed: UInt64(1_000 + seed), nil)
          let drawn = try picture(image, maximum: card.maximum)
          return try ear.features(try Self.mono(try recovered(drawn)))
        })
    }
    ear.learn(features.map { Array($0.prefix(drawings)) })
    var (right, likelihood, count) = (0, 0.0, 0)
    for (index, group) in features.enumerated() {
      for sound in group.dropFirst(drawings) {
        let heard = ear.hear(sound)
        if heard.indices.max(by: { heard[$0] < heard[$1] }) == index { right += 1 }
        likelihood += heard[index]
        count += 1
      }
    }
    print(
      "fresh drawings of \(prompts.count) prompts: \(right) of \(count) heard right, likelihood "
        + String(format: "%.2f", likelihood / Double(count)) + "\n")
    let drawn = features.enumerated().map { index, group in
      group.dropFirst(drawings).reduce(0) { $0 + ear.distances($1)[index] } / Double(drawings)
    }
    return Ear(ear: ear, drawn: drawn)
  }

  private func run(_ path: String, _ likeness: SoundLikeness, _ listener: Ear) throws {
    let ear = listener.ear
    let file = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let clip = try AudioReader(Upload(file)).read(AudioReader.Part(sampleRate: 48_000))
    let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    let width = card.defaults.width ?? 512
    let count = width * card.spectrogram.stepMilliseconds * 48
    let sound = clip.channels.map { Array($0.prefix(count)) }
    let (image, mel) = try pictured(sound, width: width)
    let source = try picture(image, maximum: Double(mel.maximum))
    let traits = try likeness.traits(try Self.mono(sound))
    let own = ear.distances(try ear.features(try Self.mono(sound)))
    // The picture at strength 0 depends on the seed only, for its latents are a sample.
    var unchanged: [UInt64: SpectrogramPicture] = [:]
    for seed in seeds {
      unchanged[seed] = try picture(
        paint(prompts[0], seed: seed, InitialPicture(image: image, strength: 0)),
        maximum: Double(mel.maximum))
    }
    for strength in strengths {
      var means: [String: Means] = [:]
      var order: [String] = []
      for (index, prompt) in prompts.enumerated() {
        for seed in seeds {
          guard let unchanged = unchanged[seed] else { continue }
          let edited = try picture(
            paint(prompt, seed: seed, InitialPicture(image: image, strength: strength)),
            maximum: Double(mel.maximum))
          func judge(_ way: String, _ made: [[Float]]) throws {
            let mono = try Self.mono(made)
            let has = try likeness.traits(mono)
            let features = try ear.features(mono)
            let (before, drawn) = (own[index], listener.drawn[index])
            let figures = [
              SoundLikeness.correlation(has.onsets, traits.onsets),
              SoundLikeness.correlation(has.chroma, traits.chroma),
              ear.hear(features)[index],
              (before - ear.distances(features)[index]) / (before - drawn),
              SoundLikeness.beforeOnsets(of: traits.onsets, in: mono, rate: Self.rate)
                - SoundLikeness.beforeOnsets(
                  of: traits.onsets, in: try Self.mono(sound), rate: Self.rate),
              Self.level(made) - Self.level(sound),
              (Self.level([mono]) - Self.level(made))
                - (Self.level([try Self.mono(sound)]) - Self.level(sound)),
            ]
            for name in perPrompt ? [way, "\(way): \(prompt)"] : [way] {
              if means[name] == nil { order.append(name) }
              means[name, default: Means()].add(figures)
            }
            try keep(made, "\(name)-\(prompt)-\(strength)-\(seed)-\(way)")
          }
          try judge("from the picture", recovered(edited))
          for boost in boosts {
            let edit = try PictureEdit(
              source: source, unchanged: unchanged, edited: edited,
              maximum: Double(mel.maximum), bounds: PictureEdit.Bounds(boost: boost))
            let transfer = try GainTransferStream(
              edit, parameters: card.spectrogram, sampleRate: 48_000, channels: sound.count)
            var gained = try transfer.append(sound)
            for (channel, rest) in transfer.finish().enumerated() { gained[channel] += rest }
            try judge("gain to \(Int(boost)) dB", gained)
            let remixed = try RemixedSound(
              edit, parameters: card.spectrogram, channels: sound.count,
              pool: ComputePool(threads: threads))
            var both = try remixed.append(sound)
            for (channel, rest) in try remixed.finish().enumerated() { both[channel] += rest }
            try judge("gain to \(Int(boost)) dB and what is missing", both)
          }
        }
      }
      for way in order {
        print("| \(name) | \(strength) | \(way) | \(means[way]?.line ?? "") |")
      }
    }
  }

  private func paint(_ prompt: String, seed: UInt64, _ initial: InitialPicture?) throws
    -> RasterImage
  {
    let request = DiffusionRequest(
      prompt, seed: seed, card: card, width: card.defaults.width ?? 512, from: initial)
    return try model.generate(request) { _ in }
  }

  private func picture(_ image: RasterImage, maximum: Double) throws -> SpectrogramPicture {
    try SpectrogramPicture(
      image: image,
      parameters: card.spectrogram, maximum: maximum)
  }

  /// The clip as a picture of `width` columns.
  private func pictured(
    _ sound: [[Float]], width: Int
  ) throws -> (image: RasterImage, mel: MelSpectrogram) {
    let parameters = card.spectrogram
    let own = try StreamResampler.resample(
      AudioClip(sampleRate: 48_000, channels: sound), to: parameters.sampleRate)
    let count = width * parameters.hopLength - 1
    let cut = own.channels.map { samples in
      Array(samples.prefix(count)) + [Float](repeating: 0, count: max(0, count - samples.count))
    }
    let mel = try SpectrogramAnalyzer(parameters, threads: threads).analyze(cut)
    let image = try SpectrogramPicture(mel, parameters: parameters).image
    return (image, mel)
  }

  /// The picture's sound, at 48 kHz.
  private func recovered(_ picture: SpectrogramPicture) throws -> [[Float]] {
    let stream = try PhaseRecoveryStream(picture, threads: threads)
    var sound = [[Float]](repeating: [], count: picture.channels)
    while let part = try stream.next() {
      for channel in sound.indices { sound[channel] += part[channel] }
    }
    return try StreamResampler.resample(
      AudioClip(sampleRate: stream.sampleRate, channels: sound), to: 48_000
    ).channels
  }

  /// The mean of the channels at the rate that the figures are taken at.
  private static func mono(_ sound: [[Float]]) throws -> [Float] {
    var mean = [Float](repeating: 0, count: sound[0].count)
    for channel in sound {
      for index in mean.indices { mean[index] += channel[index] / Float(sound.count) }
    }
    return try StreamResampler.resample(
      AudioClip(sampleRate: 48_000, channels: [mean]), to: rate
    ).channels[0]
  }

  /// Root mean square in decibels.
  private static func level(_ sound: [[Float]]) -> Double {
    let square = sound.reduce(0.0) { sum, channel in
      sum + channel.reduce(0.0) { $0 + Double($1) * Double($1) }
    }
    return 10 * log10(max(square / Double(sound.count * max(1, sound[0].count)), 1e-20))
  }

  /// Raw floats, interleaved, 48 kHz.
  private func keep(_ sound: [[Float]], _ name: String) throws {
    guard let folder else { return }
    var data = Data()
    for frame in sound[0].indices {
      for channel in sound { withUnsafeBytes(of: channel[frame]) { data.append(contentsOf: $0) } }
    }
    let file = name.replacingOccurrences(of: " ", with: "_") + ".\(sound.count)ch.f32"
    try data.write(to: URL(fileURLWithPath: folder).appendingPathComponent(file))
  }
}
