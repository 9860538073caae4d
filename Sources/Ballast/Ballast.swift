@_exported public import BallastCore
@_exported public import BallastData
@_exported public import BallastExperiments
@_exported public import BallastFiles
@_exported public import BallastReports
@_exported public import Tensors
