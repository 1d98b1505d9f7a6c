import ArgumentParser
import Foundation
import Riff

/// Jobs of one daemon side by side: how long each waits for its first sound and for its last.
struct Crowd: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Jobs side by side: alone, eight in a row, eight at once, beside a large model's.")

  @Option(help: "The model's folder.")
  var model = "Models/riff-mini"

  @Option(help: "Folder of a large model whose job runs beside; none leaves that row out.")
  var large: String?

  @Option(help: "Threads.")
  var threads = 2

  @Option(help: "Jobs in the crowd.")
  var jobs = 8

  @Option(help: "Runs of each, in turn.")
  var runs = 5

  private struct Times {
    var first = Double.nan
    var last = Double.nan
    var steps = 0
    /// Seconds in which a player that began with the first page had nothing to play.
    var silence = 0.0
  }

  func run() async throws {
    let studio = try Studio(
      models: [ModelLocation(name: "bench", directory: self.model)]
        + (self.large.map { [ModelLocation(name: "large", directory: $0)] } ?? []),
      threads: self.threads, encoderName: "riff-bench")
    // Weights are prepared before anything is timed.
    _ = try await Self.time(studio, seed: 0)
    var alone = (first: Samples(), last: Samples())
    var (row, together, lastFirst, rowFirst) = (Samples(), Samples(), Samples(), Samples())
    var (beside, silence) = (Samples(), Samples())
    var (shared, crowdSteps) = (0, 0)
    for run in 0..<self.runs {
      let one = try await Self.time(studio, seed: UInt64(run))
      alone.first.add(one.first)
      alone.last.add(one.last)
      var (sum, first) = (0.0, 0.0)
      for number in 0..<self.jobs {
        let times = try await Self.time(studio, seed: UInt64(number))
        first = sum + times.first
        sum += times.last
      }
      row.add(sum)
      rowFirst.add(first)
      let before = studio.sharedUnits
      let crowd = try await withThrowingTaskGroup(of: Times.self) { group in
        for number in 0..<self.jobs {
          group.addTask {
            try await Self.time(studio, seed: UInt64(number), owner: UInt64(number))
          }
        }
        return try await group.reduce(into: [Times]()) { $0.append($1) }
      }
      shared += studio.sharedUnits - before
      crowdSteps += crowd.reduce(0) { $0 + $1.steps }
      together.add(crowd.map(\.last).max() ?? .nan)
      lastFirst.add(crowd.map(\.first).max() ?? .nan)
      silence.add(crowd.map(\.silence).max() ?? .nan)
      guard self.large != nil else { continue }
      var job = GenerateJob(prompt: "a long one")
      job.model = "large"
      job.steps = 900
      let events = studio.generate(job, owner: 99)
      var iterator = events.makeAsyncIterator()
      // It denoises from here on.
      while let event = try await iterator.next() {
        if case .progress(let progress) = event, progress.stage == .denoising, progress.step > 0 {
          break
        }
      }
      beside.add(try await Self.time(studio, seed: UInt64(run), owner: 1).first)
      events.cancel()
      // Until it has ended it takes a part of the cores.
      do {
        while try await iterator.next() != nil {}
      } catch is CancellationError {}
    }
    print("| work, \(self.threads) threads | seconds: median (fastest, slowest) | |\n|---|---|---|")
    print("| one job alone: prompt to first page | \(alone.first) | |")
    print("| one job alone: prompt to last page | \(alone.last) | |")
    print("| \(self.jobs) jobs in a row: all done | \(row) | |")
    print("| \(self.jobs) jobs in a row: first page of the last | \(rowFirst) | |")
    print(
      "| \(self.jobs) jobs at once: all done | \(together) | "
        + "\(Samples.format(together.median / row.median)) of in a row |")
    print(
      "| \(self.jobs) jobs at once: first page of the last | \(lastFirst) | "
        + "\(Samples.format(lastFirst.median / rowFirst.median)) of in a row |")
    print(
      "| \(self.jobs) jobs at once: the longest that a player waits for more sound | \(silence) | |"
    )
    print("| of their steps, made in another job's turn | \(shared) of \(crowdSteps) | |")
    if self.large != nil {
      print(
        "| one job beside a large model's: first page | \(beside) | "
          + "\(Samples.format(beside.median / alone.first.median)) of alone |")
    }
  }

  /// One job of the model's own length.
  private static func time(
    _ studio: Studio, seed: UInt64, owner: UInt64 = 0
  ) async throws -> Times {
    let clock = ContinuousClock()
    let start = clock.now
    var job = GenerateJob(prompt: "church bells")
    job.seed = seed
    var times = Times()
    let player = PlayerModel()
    for try await event in studio.generate(job, owner: owner) {
      if case .progress(let progress) = event, progress.stage == .denoising {
        times.steps = progress.steps
      }
      if case .audio(let bytes) = event {
        player.take(Data(bytes))
        times.last = (clock.now - start) / .seconds(1)
        if times.first.isNaN { times.first = times.last }
      }
    }
    times.silence = player.silence
    return times
  }
}
