"""The MovieLens definition: the only place where its column names and labels are written down.

Names, types and codes are those of TensorFlow Datasets' `movielens/100k-ratings`, except that
`user_gender` is 0/1 (int64, 1 is male) and that `movie_release_year` is added.
"""

from __future__ import annotations

import pyarrow as pa

from components.datasets.definition import DatasetDefinition, Feature

USER_ID = "user_id"
MOVIE_ID = "movie_id"
MOVIE_TITLE = "movie_title"
MOVIE_GENRES = "movie_genres"
MOVIE_RELEASE_YEAR = "movie_release_year"
USER_RATING = "user_rating"
TIMESTAMP = "timestamp"
USER_GENDER = "user_gender"
RAW_USER_AGE = "raw_user_age"
BUCKETIZED_USER_AGE = "bucketized_user_age"
USER_OCCUPATION_LABEL = "user_occupation_label"
USER_OCCUPATION_TEXT = "user_occupation_text"
USER_ZIP_CODE = "user_zip_code"

NO_GENRES = "(no genres listed)"
GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Children",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "IMAX",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "Unknown",
    "War",
    "Western",
    NO_GENRES,
)

OCCUPATIONS = (
    "academic/educator",
    "artist",
    "clerical/admin",
    "customer service",
    "doctor/health care",
    "entertainment",
    "executive/managerial",
    "farmer",
    "homemaker",
    "lawyer",
    "librarian",
    "other/not specified",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "student",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
)

MOVIELENS = DatasetDefinition(
    name="movielens",
    query_id=USER_ID,
    candidate_id=MOVIE_ID,
    candidate_key=MOVIE_TITLE,
    candidate_title=MOVIE_TITLE,
    event_time=TIMESTAMP,
    event_weight=USER_RATING,
    query_features={
        USER_GENDER: Feature(pa.int64(), labels=("female", "male")),
        RAW_USER_AGE: Feature(pa.float32(), unit="years"),
        BUCKETIZED_USER_AGE: Feature(
            pa.float32(),
            boundaries=(18, 25, 35, 45, 50, 56),
            unit="lower bound of the age group in years",
        ),
        USER_OCCUPATION_LABEL: Feature(pa.int64(), labels=OCCUPATIONS),
        USER_OCCUPATION_TEXT: Feature(pa.string()),
        USER_ZIP_CODE: Feature(pa.string()),
    },
    candidate_features={
        MOVIE_TITLE: Feature(pa.string(), unit="title with the year of release"),
        MOVIE_GENRES: Feature(pa.list_(pa.int64()), labels=GENRES),
        MOVIE_RELEASE_YEAR: Feature(
            pa.int64(),
            boundaries=(
                1940,
                1950,
                1960,
                1970,
                1980,
                1985,
                1990,
                1993,
                1995,
                1997,
                2000,
                2005,
                2010,
            ),
            unit="year, null where the title has none",
        ),
    },
    slice_features=(MOVIE_GENRES, USER_GENDER, BUCKETIZED_USER_AGE, USER_OCCUPATION_LABEL),
    licence="MovieLens data of GroupLens may not be redistributed, nor used commercially, without"
    " permission, and publications have to cite: F. Maxwell Harper and Joseph A. Konstan, The"
    " MovieLens Datasets: History and Context, ACM Transactions on Interactive Intelligent Systems"
    " 5, 4, 2015, https://doi.org/10.1145/2827872. Data of other origin have terms of their own.",
)
