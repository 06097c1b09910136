# The program with PyTorch for CUDA (about 7 GB; the host has the driver, all else is in PyTorch's wheels), or, given the
# index of PyTorch's builds without CUDA, which its installation page names, for the CPU (about 2 GB):
#
#     docker build -t bdia_edm:cuda .
#     docker build -t bdia_edm --build-arg TORCH_INDEX=URL .
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" bdia_edm sample +model=digits
#     docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" -v "$HOME/cache:/cache" --gpus all --shm-size 1g \
#       bdia_edm:cuda sample +model=cifar10
#
# Apptainer takes the image as it is, and runs it as the user who calls it, in the folder that it is called in:
#
#     docker save bdia_edm:cuda -o bdia_edm.tar
#     apptainer build bdia_edm.sif docker-archive:bdia_edm.tar
#     apptainer run --nv --bind "$HOME/cache:/cache" bdia_edm.sif sample +model=cifar10
FROM python:3.11-slim-bookworm

ARG TORCH_INDEX=

WORKDIR /opt/bdia_edm
COPY constraints.txt ./
# In a layer of its own: it takes long and seldom changes. Without --no-deps that index would be asked for all else too;
# 2.14.1+cpu, as it calls its build, is the 2.14.1 of constraints.txt.
RUN grep -E '^(torch|torchvision)==' constraints.txt > torch.txt \
 && if [ -n "$TORCH_INDEX" ]; then pip install --no-cache-dir --no-deps --index-url "$TORCH_INDEX" -r torch.txt; \
    else pip install --no-cache-dir --constraint constraints.txt -r torch.txt; fi
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY bdia_edm bdia_edm
COPY conf conf
# Whoever the container runs as has a home and writes to these folders.
RUN pip install --no-cache-dir --constraint constraints.txt '.[cluster]' \
 && useradd --uid 1000 --create-home user \
 && install --directory --mode 1777 /work /cache /home/any

USER 1000
WORKDIR /work
ENV BDIA_EDM_CACHE=/cache HOME=/home/any
ENTRYPOINT ["bdia-edm"]
CMD ["--help"]
