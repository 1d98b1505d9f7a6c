public import ArgumentParser
public import Riff

extension PrecisionChoice: ExpressibleByArgument {}
