import ArgumentParser

/// A number of bytes on the command line: "6G", "800M", "1048576".
struct ByteCount: ExpressibleByArgument, Equatable {
  var bytes: Int

  init?(argument: String) {
    let units: [Character: Int] = ["K": 10, "M": 20, "G": 30, "T": 40]
    let shift = argument.last.flatMap { units[Character($0.uppercased())] }
    guard let number = Int(shift == nil ? argument[...] : argument.dropLast()), number > 0 else {
      return nil
    }
    let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << (shift ?? 0))
    guard !overflow else { return nil }
    self.bytes = bytes
  }
}

/// A time in seconds on the command line, or "forever".
struct KeepAlive: ExpressibleByArgument, Equatable {
  var seconds: Double

  init?(argument: String) {
    if argument == "forever" {
      self.seconds = .infinity
      return
    }
    // Written so that NaN fails.
    guard let seconds = Double(argument), seconds >= 0 else { return nil }
    self.seconds = seconds
  }
}
